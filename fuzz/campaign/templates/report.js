"use strict";
const form = document.getElementById("filter");
if (form) {
  document.documentElement.classList.add("scripted");
  const all = [...document.querySelectorAll("article.finding")].map((element) => ({
    element,
    text: element.textContent.toLowerCase(),
  }));
  const search = document.getElementById("search");
  const kind = document.getElementById("kind");
  const analyzer = document.getElementById("analyzer");
  const shown = document.getElementById("shown");
  const none = document.getElementById("none");
  const update = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const { element, text } of all) {
      const fits =
        (!kind.value || element.dataset.kind === kind.value) &&
        (!analyzer.value || element.dataset.analyzer === analyzer.value) &&
        words.every((word) => text.includes(word));
      element.hidden = !fits;
      if (fits) count += 1;
    }
    shown.textContent = `${count} of ${all.length} shown`;
    none.hidden = count > 0;
  };
  form.addEventListener("input", update);
  form.addEventListener("reset", () => setTimeout(update));
  form.addEventListener("submit", (event) => event.preventDefault());
  // A link to a finding that is filtered out must still lead there.
  addEventListener("hashchange", () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.hidden) {
      form.reset();
      update();
      target.scrollIntoView();
    }
  });
  update();
}
