/* The look of the repos' pages, which no list and no Space's page loads. */
import { addStyle } from "../../widgets/style";
import hub from "../../styles/hub.css" with { type: "text" };
import prose from "../../styles/prose.css" with { type: "text" };

addStyle(prose);
addStyle(hub);
