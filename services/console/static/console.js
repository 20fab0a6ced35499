// The page may say that it is live only while the console is heard: a browser that lost it says so at once.
(() => {
  const quiet = Number(document.currentScript.dataset.quiet);
  let heard = Date.now();
  let watched = null;
  let met = false;

  const judge = () => {
    const connected = watched !== null && watched.connected;
    met ||= connected;
    const lost = Date.now() - heard > quiet || (met && !connected);
    document.documentElement.classList.toggle("cut", lost);
  };
  const hear = () => {
    heard = Date.now();
    judge();
  };
  // The framework reloads the page when connecting takes long for a second time. Its server keeps the page for a while,
  // so it is only asked again; a server that knows the page no more is what a reload is for.
  const again = (error) => {
    if (error.message === "Implicit handshake failed") window.location.reload();
  };

  setInterval(() => {
    if (window.socket && window.socket !== watched) {
      watched = window.socket;
      watched.off("connect_error");
      watched.on("connect_error", again);
      watched.on("connect", judge);
      watched.on("disconnect", judge);
      watched.onAny(hear);
      watched.io.timeout(5000);
    }
    judge();
  }, 250);
})();
