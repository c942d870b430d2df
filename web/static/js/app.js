// The cabinet's own scripts: small modules, each about one thing, all of them optional.
import "./clock.js";
import "./dialog.js";
import "./drawer.js";
import "./keys.js";
import "./live.js";
import "./menu.js";
import "./palette.js";
import "./toast.js";
