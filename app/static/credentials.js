/* EasyCars Settings: Save opens after a passed test or with the override; a changed value voids the test.
   The server checks the same: this only spares a round trip. */
(() => {
  "use strict";
  document.addEventListener("DOMContentLoaded", () => {
    const form = document.getElementById("credentials-form");
    if (!form) return;
    const save = document.getElementById("save-credentials");
    const override = form.elements.namedItem("override");
    const result = document.getElementById("test-result");
    const reason = save.parentElement.querySelector(".fc-reason");
    const untested = new Set(["override", "yard_code"]);

    function update() {
      const proof = form.querySelector('[name="test_token"]');
      save.disabled = !((proof && proof.value) || override.checked);
      if (reason) reason.hidden = !save.disabled;
    }
    form.addEventListener("input", (event) => {
      const proof = form.querySelector('[name="test_token"]');
      if (proof && !untested.has(event.target.name)) {
        proof.remove();
        result.textContent = "The values changed since the test. Test the connection again.";
      }
      update();
    });
    document.addEventListener("htmx:afterSettle", update);
    window.addEventListener("pageshow", update);
    update();
  });
})();
