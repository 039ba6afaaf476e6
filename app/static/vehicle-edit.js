/* Vehicles: the padlock of a field shows once the field is changed; ticked rows are counted. Works without, too. */
(() => {
  "use strict";
  function changed(entry) {
    const was = entry.querySelector('input[name^="was."]');
    const box = entry.querySelector("input.form-control, textarea, select");
    if (was && box) entry.classList.toggle("is-changed", was.value.replace(/\r\n/g, "\n") !== box.value);
  }
  function readyForm(form) {
    form.querySelectorAll("[data-entry]").forEach(changed);
    form.addEventListener("input", (event) => {
      const entry = event.target.closest("[data-entry]");
      if (entry) changed(entry);
    });
  }
  function readyBulk(bar) {
    const form = bar.closest("form") || document.getElementById(bar.dataset.bulk);
    const boxes = () => [...document.querySelectorAll('input[name="id"][form="bulk-form"], #vehicles input[name="id"]')];
    const word = bar.querySelector("[data-ticked]");
    const ticked = bar.querySelector('input[value="ticked"]');
    const page = bar.querySelector('input[value="page"]');
    function count() {
      const number = boxes().filter((box) => box.checked).length;
      if (word) word.textContent = ` (${number})`;
    }
    document.addEventListener("change", (event) => {
      if (event.target === page) boxes().forEach((box) => { box.checked = true; });
      if (event.target.name === "id") {
        if (!event.target.checked || !page.checked) ticked.checked = true;
      }
      if (form) count();
    });
    count();
  }
  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-vehicle-form]").forEach(readyForm);
    document.querySelectorAll("[data-bulk]").forEach(readyBulk);
  });
})();
