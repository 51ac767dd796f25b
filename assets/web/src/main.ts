/** Entry of the page: styles first, then the app. The viewer is not imported here; see views/stage.ts. */
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/layout.css";
import "./styles/panel.css";
import "./styles/report.css";
import "./styles/compare.css";
import "./styles/understand.css";
import "./styles/board.css";

import { App } from "./app.ts";
import { speakPreferred } from "./strings.ts";

await speakPreferred();
new App().start();
