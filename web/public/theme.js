// Sets the theme before the first paint, so that a dark page never flashes white.
(function () {
  var saved = null;
  try {
    saved = JSON.parse(localStorage.getItem("heron.preferences") || "null");
  } catch (e) {
    saved = null;
  }
  var theme = saved && saved.state ? saved.state.theme : "system";
  var dark =
    theme === "dark" ||
    (theme !== "light" && window.matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.classList.toggle("dark", dark);
})();
