// <img data-safelight="cats/tabby.jpg"> loads near the viewport, as wide as its box.
{
  const { src, dataset } = document.currentScript;
  const steps = (dataset.steps || "160 240 320 480 640 800 960 1200 1600 1920 2560 3840").match(/\d+/g);
  const states = new WeakMap();

  const check = list => list.forEach(({ target: img, isIntersecting: near }) => {
    const state = states.get(img), { key } = state, { style } = img, { cssText } = style;
    if (near != null) state.near = near;
    if (!state.near || !key) return;

    style.display = "none"; // unboxed: what CSS says
    state.css = state.css || getComputedStyle(img).width;
    style.display = "inline-block";
    const auto = !/\d/.test(state.css);
    if (auto) style.width = "100%"; // of the parent
    const box = img.clientWidth;
    style.cssText = cssText;

    const width = box * ((navigator.connection || 0).saveData ? 1 : Math.min(devicePixelRatio, 3));
    const step = +(steps.find(s => s >= width) || steps.slice(-1));
    if (!box || step <= state.step || auto && state.step && box == img.naturalWidth) return;

    state.step = step;
    const old = img.getAttribute("src"), ops = img.dataset.transform || "format=auto";
    img.addEventListener("error", () => old && (img.src = old), { once: true });
    img.src = new URL(`../w=${step},${/\bf(ormat)?=/.test(ops) ? "" : "format=auto,"}${ops}/` +
      key.replace(/^https?:/.test(key) ? /[%?#\\]/g : /[^/]+/g, encodeURIComponent), src);
  });
  const io = new IntersectionObserver(check, { rootMargin: "50%" }), ro = new ResizeObserver(check);

  const find = () => document.querySelectorAll("img[data-safelight]").forEach(img => {
    const key = img.dataset.safelight;
    if (key == (states.get(img) || 0).key) return;
    states.set(img, { key });
    io.unobserve(img);
    io.observe(img);
    ro.observe(img);
  });
  find();
  new MutationObserver(find)
    .observe(document, { childList: true, subtree: true, attributeFilter: ["data-safelight"] });
}
