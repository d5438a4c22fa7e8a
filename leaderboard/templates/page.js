"use strict";

document.documentElement.classList.add("scripts");

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "Copied";
    } catch {
      // Not every browser lets a local file write to the clipboard: leave the text selected.
      getSelection().selectAllChildren(source);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
}

const grid = document.getElementById("grid");
if (grid) {
  const { orders, samples } = JSON.parse(document.getElementById("grid-data").textContent);
  const cards = [...grid.children];
  const form = document.getElementById("filter");
  const fields = [...form.elements].filter((element) => element.matches("select, input"));
  const defaults = Object.fromEntries(fields.map((field) => [field.name, field.value]));

  const show = () => {
    const chosen = { ...defaults, severity: "" };
    for (const field of fields) chosen[field.name] = field.value;
    const words = chosen.find.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const index of orders[chosen.sort]) {
      const sample = samples[index];
      const fits = words.every((word) => sample.search.includes(word))
        && (!chosen.severity || sample.severity === chosen.severity)
        && (!chosen.status || sample.status === chosen.status);
      cards[index].hidden = !fits;
      count += fits;
      grid.append(cards[index]);
    }
    form.elements.count.value = `${count} of ${cards.length} shown`;
  };

  // The view lives in the address, so that it can be shared: report.html#find=tartan&status=failed
  const readAddress = () => {
    const wanted = new URLSearchParams(location.hash.slice(1));
    const named = fields.filter((field) => wanted.has(field.name));
    if (!named.length) return;
    for (const field of fields) {
      field.value = wanted.get(field.name) ?? defaults[field.name];
      // A select that lacks the wanted option would be left blank.
      if (field.selectedIndex === -1) field.value = defaults[field.name];
    }
    document.getElementById("samples").scrollIntoView({ behavior: "instant" });
    show();
  };
  const writeAddress = () => {
    const changed = fields.filter((field) => field.value !== defaults[field.name]);
    const view = new URLSearchParams(changed.map((field) => [field.name, field.value]));
    history.replaceState(null, "", changed.length ? `#${view}` : "#samples");
  };

  form.addEventListener("input", () => { show(); writeAddress(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", readAddress);
  show();
  readAddress();

  const dialog = document.getElementById("enlarged");
  grid.addEventListener("click", (event) => {
    const pictures = event.target.closest("button.pictures");
    if (!pictures) return;
    const title = pictures.closest(".card").querySelector("h3 bdi");
    document.getElementById("enlarged-title").textContent = title.textContent;
    const copies = [...pictures.children].map((picture) => picture.cloneNode(true));
    dialog.querySelector(".pictures").replaceChildren(...copies);
    dialog.showModal();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
}
