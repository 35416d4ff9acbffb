"use strict";
// The drop zone, and what the viewer's controls do. Everything works without this but dropping, zoom and gain.
(() => {
  const form = document.getElementById("drop");
  if (form) {
    const input = form.querySelector("input[type=file]");
    const over = (on) => (event) => { event.preventDefault(); form.classList.toggle("over", on); };
    form.addEventListener("dragover", over(true));
    form.addEventListener("dragleave", over(false));
    form.addEventListener("drop", (event) => {
      over(false)(event);
      if (!event.dataTransfer.files.length) return;
      input.files = event.dataTransfer.files;
      form.requestSubmit();
    });
    input.addEventListener("change", () => { if (input.files.length) form.requestSubmit(); });
    form.addEventListener("htmx:afterRequest", (event) => { if (event.target === form) form.reset(); });
  }

  const layouts = { picture: "[data-picture]", residual: "[data-residual]" };
  const views = [...document.querySelectorAll("[data-viewer]")];
  for (const view of views) {
    const part = (selector) => view.querySelector(selector);
    const layers = part(".layers");
    const [zoom, gain, layer, heat] = ["[data-zoom]", "[data-gain]", "[data-layer]", "[data-heat]"].map(part);
    const picture = part("[data-picture]");
    const stage = part(".stage");
    const show = () => {
      for (const [name, selector] of Object.entries(layouts)) part(selector).hidden = layer.value !== name;
      const width = Math.min(picture.naturalWidth || 0, stage.clientWidth) || stage.clientWidth;
      layers.style.setProperty("width", `${width * Number(zoom.value)}px`);
      part("[data-residual]").style.setProperty("filter", `contrast(${gain.value})`);
      if (heat) part("[data-map]").hidden = !heat.checked;
      zoom.nextElementSibling.value = zoom.value;
      gain.nextElementSibling.value = gain.value;
    };
    for (const control of [zoom, gain, layer, heat]) if (control) control.addEventListener("input", show);
    stage.addEventListener("keydown", (event) => {
      const step = { "+": 1, "=": 1, "-": -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      zoom.value = Number(zoom.value) + step;
      show();
    });
    picture.addEventListener("load", show);
    window.addEventListener("resize", show);
    show();
  }
  // Two viewers beside each other scroll together.
  if (views.length === 2) {
    const stages = views.map((view) => view.querySelector(".stage"));
    let moving = false;
    for (const [from, to] of [stages, [...stages].reverse()]) {
      from.addEventListener("scroll", () => {
        if (moving) return;
        moving = true;
        to.scrollTo(from.scrollLeft, from.scrollTop);
        requestAnimationFrame(() => { moving = false; });
      });
    }
  }
})();
