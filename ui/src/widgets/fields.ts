/* What a visitor fills in beside plain text, in one file: a form that has one of these has more. */
export { Checkbox } from "./checkbox";
export { CheckboxGroup } from "./checkbox_group";
export { Color } from "./color";
export { Datetime } from "./datetime";
export { DownloadButton } from "./download_button";
export { Dropdown } from "./dropdown";
export { NumberBox } from "./number";
export { Radio } from "./radio";
export { RangeSlider } from "./range_slider";
export { Slider } from "./slider";
export { UploadButton } from "./upload_button";
