/* A table that a test compares the pages with, as its text (ui/test.mjs). */
declare module "*.c" {
  const text: string;
  export default text;
}
