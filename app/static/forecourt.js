/* Forecourt's own script: what forms and links cannot do alone. Every page works without it. */
(() => {
  "use strict";
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);
  root.classList.add("has-script");

  // One polite region speaks results and progress; clearing first makes a repeated sentence heard again.
  function announce(text) {
    const region = byId("announcer");
    if (!region || !text) return;
    region.textContent = "";
    setTimeout(() => { region.textContent = text; }, 50);
  }

  // Messages: those that need nobody leave by themselves, warnings and failures stay until closed.
  function readyToast(toast) {
    const close = toast.querySelector("[data-toast-close]");
    if (!close || !close.hidden) return;
    close.hidden = false;
    close.addEventListener("click", () => toast.remove());
    if (toast.dataset.toast !== "success" && toast.dataset.toast !== "info") return;
    const leave = () => setTimeout(() => {
      if (toast.matches(":hover, :focus-within")) leave(); else toast.remove();
    }, 8000);
    leave();
  }

  // A message never lies over what has the focus: it goes to the other edge.
  document.addEventListener("focusin", (event) => {
    const toasts = byId("toasts");
    if (!toasts || toasts.contains(event.target)) return;
    requestAnimationFrame(() => {
      const over = toasts.getBoundingClientRect(), under = event.target.getBoundingClientRect();
      const apart = over.bottom < under.top || over.top > under.bottom || over.right < under.left || over.left > under.right;
      if (over.height && !apart && event.target.matches("a, button, input, select, textarea, summary")) toasts.classList.toggle("is-away");
    });
  });

  // Progress is spoken at the start, at each quarter and at the end. The page's first state is not news.
  const spoken = new Map();
  function speakProgress(card, first) {
    const active = ["queued", "running", "inprogress"].includes((card.dataset.status || "").toLowerCase());
    const mark = active ? `at ${Math.floor(Number(card.dataset.progress || 0) / 25)}` : `ended ${card.dataset.status}`;
    if (spoken.get(card.id) === mark) return;
    spoken.set(card.id, mark);
    if (!first || active) announce(card.dataset.announce);
  }

  function ready(first) {
    document.querySelectorAll("[data-toast]").forEach(readyToast);
    document.querySelectorAll("[data-progress][data-announce]").forEach((card) => speakProgress(card, first));
    document.querySelectorAll("button[data-copy][hidden]").forEach((button) => { button.hidden = !navigator.clipboard; });
  }

  function focusFault() {
    const summary = document.querySelector("[data-focus]");
    if (summary) summary.focus();
  }

  // Dialogs: the link leads to the same question as a page; with script it opens in place.
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    const dialog = opener && byId(opener.dataset.dialog);
    if (dialog && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      dialog.showModal();
    }
    const closer = event.target.closest("[data-close]");
    if (closer) closer.closest("dialog").close();
    if (event.target instanceof HTMLDialogElement) event.target.close();
    document.querySelectorAll("details[data-menu][open]").forEach((menu) => {
      if (!menu.contains(event.target)) menu.open = false;
    });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    document.querySelectorAll("details[data-menu][open]").forEach((menu) => {
      menu.open = false;
      menu.querySelector("summary").focus();
    });
  });

  // "/" goes to the search box, where no text is being typed; where the box is hidden, its link does it.
  document.addEventListener("keydown", (event) => {
    const writes = event.target.closest && event.target.closest("input, textarea, select, [contenteditable], dialog[open]");
    if (event.key !== "/" || writes || event.ctrlKey || event.metaKey || event.altKey) return;
    const box = [byId("page-search"), byId("top-search")].find((one) => one && one.offsetParent);
    const link = document.querySelector(".fc-search-link");
    if (!box && !link) return;
    event.preventDefault();
    if (box) { box.focus(); box.select(); } else { link.click(); }
  });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(byId(button.dataset.copy).textContent);
    announce("Copied");
    button.classList.add("is-done");
    setTimeout(() => button.classList.remove("is-done"), 2000);
  });

  // A form is not sent twice in a row: the pressed button says what happens until the answer comes, the reader
  // returns to the page, or ten seconds have passed (a download answers without leaving the page).
  function busy(button) {
    const text = button.querySelector("[data-button-text]");
    button.classList.add("is-busy");
    if (text && button.dataset.busy) {
      button.dataset.idle = text.textContent;
      text.textContent = button.dataset.busy;
      announce(button.dataset.busy);
    }
  }
  function idle(button) {
    const text = button.querySelector("[data-button-text]");
    button.classList.remove("is-busy");
    if (text && button.dataset.idle) text.textContent = button.dataset.idle;
    delete button.dataset.idle;
  }
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || form.matches("[data-theme-form]")) return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    if (event.submitter) busy(event.submitter);
    if (form.matches("[hx-post]") || (event.submitter && event.submitter.matches("[hx-post]"))) return;
    form.dataset.sent = "1";
    setTimeout(() => release(form), 10000);
  });
  function release(form) {
    delete form.dataset.sent;
    form.querySelectorAll(".is-busy").forEach(idle);
  }
  window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach(release));

  // The look changes at once; the cookie is set by the same form as without script.
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-theme-form]");
    if (!form || !event.submitter) return;
    event.preventDefault();
    const theme = event.submitter.value;
    if (theme === "system") root.removeAttribute("data-bs-theme"); else root.setAttribute("data-bs-theme", theme);
    document.querySelector('meta[name="color-scheme"]').content = theme === "system" ? "light dark" : theme;
    form.querySelectorAll("button").forEach((button) => button.setAttribute("aria-pressed", String(button === event.submitter)));
    fetch(form.action, { method: "POST", body: new FormData(form, event.submitter), redirect: "manual" });
  });

  // htmx ------------------------------------------------------------------------------------------
  const isPoll = (element) => Boolean(element && element.matches("[data-poll]"));
  let before = null;

  function remember(target) {
    const active = document.activeElement;
    before = {
      open: [...target.querySelectorAll("details[id]")].concat(target.matches("details[id]") ? [target] : []).map((part) => [part.id, part.open]),
      focus: active && target.contains(active) && active !== document.body ? active.id : null,
      inside: Boolean(active && target.contains(active)),
      place: target.id,
    };
  }
  // Open parts stay open, and focus stays; when its element has gone, the new heading takes it.
  function restore() {
    if (!before) return;
    const { open, focus, inside, place } = before;
    before = null;
    for (const [id, wasOpen] of open) { const part = byId(id); if (part) part.open = wasOpen; }
    if (!inside || (document.activeElement && document.activeElement !== document.body)) return;
    const target = focus && byId(focus);
    const heading = place && byId(place) && byId(place).querySelector("h1, h2, h3");
    if (!target && heading && !heading.hasAttribute("tabindex")) heading.tabIndex = -1;
    if (target || heading) (target || heading).focus({ preventScroll: true });
  }
  // Failures are told once, in the alert region, and go when the next request of their kind succeeds:
  // a poll must neither repeat its failure every five seconds nor wipe out the answer to a person's click.
  const askerOf = (event) => (event.detail.requestConfig || event.detail).elt;
  const kindOf = (event) => (isPoll(askerOf(event)) ? "poll" : "action");
  function tell(event, templateId) {
    const alerts = byId("alerts");
    const template = byId(templateId);
    if (!alerts || !template || (kindOf(event) === "poll" && alerts.dataset.shows)) return;
    alerts.replaceChildren(template.content.cloneNode(true));
    alerts.dataset.shows = kindOf(event);
    const place = alerts.querySelector("[data-reference]");
    const reference = event.detail.xhr && event.detail.xhr.getResponseHeader("X-Request-ID");
    if (place && reference) place.textContent = reference;
  }
  function quiet(event) {
    const alerts = byId("alerts");
    if (!alerts || !alerts.dataset.shows || (kindOf(event) === "poll" && alerts.dataset.shows !== "poll")) return;
    alerts.replaceChildren();
    delete alerts.dataset.shows;
  }
  // The server's own words for a failure come with HX-Retarget: #alerts, whatever the status.
  const forAlerts = (event) => event.detail.xhr.getResponseHeader("HX-Retarget") === "#alerts";
  function swapAlert(event) {
    const alerts = byId("alerts");
    event.detail.shouldSwap = Boolean(alerts) && !(kindOf(event) === "poll" && alerts.dataset.shows);
    if (event.detail.shouldSwap) alerts.dataset.shows = kindOf(event);
  }

  // The sign-in ended while somebody types: what stands in the forms waits on the server, then the whole page leaves.
  const isTyped = (field) => {
    if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
    if (field.options) return [...field.options].some((option) => option.selected !== option.defaultSelected);
    return field.type !== "hidden" && "defaultValue" in field && field.value !== field.defaultValue;
  };
  const typedForms = () => [...document.forms].filter((form) => form.method === "post" && [...form.elements].some(isTyped));
  function written(form) {
    const secret = new Set([...form.elements].filter((field) => field.type === "password").map((field) => field.name));
    const fields = [...new FormData(form)].filter(([name, value]) => typeof value === "string" && !secret.has(name));
    return { action: new URL(form.action).pathname, fields };
  }
  async function leave(login, forms) {
    const token = forms[0].elements.csrf_token;
    const body = JSON.stringify({ page: location.pathname + location.search, token: token ? token.value : "", forms: forms.map(written) });
    try {
      const answer = await fetch("/signed-out", { method: "POST", headers: { "Content-Type": "application/json" }, body });
      location.href = (await answer.json()).login;
    } catch {
      location.href = login;
    }
  }
  let leaving = false;
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const login = event.detail.xhr.status === 401 && event.detail.xhr.getResponseHeader("HX-Redirect");
    const forms = login && event.detail.requestConfig.verb === "get" ? typedForms() : [];
    if (!forms.length && !leaving) return;
    event.preventDefault();
    if (!leaving) { leaving = true; leave(login, forms); }
  });

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (isPoll(event.detail.elt) && document.hidden) event.preventDefault();
    else if (event.detail.elt.matches("button")) busy(event.detail.elt);
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (forAlerts(event)) swapAlert(event);
    else if (event.detail.shouldSwap) remember(event.detail.target);
  });
  document.addEventListener("htmx:afterSettle", () => { restore(); ready(false); });
  document.addEventListener("htmx:oobAfterSwap", () => ready(false));
  document.addEventListener("htmx:afterRequest", (event) => {
    if (kindOf(event) === "action") document.querySelectorAll(".is-busy").forEach(idle);
    if (event.detail.successful) quiet(event);
    if (event.detail.xhr && event.detail.xhr.status === 422) focusFault();
  });
  document.addEventListener("htmx:sendError", (event) => tell(event, "connection-lost"));
  document.addEventListener("htmx:timeout", (event) => tell(event, "connection-lost"));
  document.addEventListener("htmx:responseError", (event) => { if (!forAlerts(event)) tell(event, "request-failed"); });

  document.addEventListener("DOMContentLoaded", () => {
    // A morph must not close what the reader opened: the server does not know about it.
    if (window.Idiomorph) {
      window.Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) => !(name === "open" && node.nodeName === "DETAILS");
    }
    focusFault();
    ready(true);
  });
})();
