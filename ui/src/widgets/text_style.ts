/* The look that code, marks and frames share, once. */
import css from "../styles/text.css" with { type: "text" };
import { addStyle } from "./style";

addStyle(css);
