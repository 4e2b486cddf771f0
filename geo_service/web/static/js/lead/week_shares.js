/* A week of coverage as the server sends it: two bytes for each cell and state of the week. */

const STEPS = 10000;
const NONE = 65535;

/** Read a week; `share(code, hour)` is from 0 to 1, null where nobody lives or the cell is another's. */
export function decodeWeek(content) {
  if (content.format !== "geo-service-week/1") throw new Error(`not a week: ${content.format}`);
  const bytes = Uint8Array.from(atob(content.share), (one) => one.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  const rows = new Map(content.codes.map((code, row) => [code, row]));
  const width = content.codes.length ? bytes.length / 2 / content.codes.length : 0;
  const share = (code, hour) => {
    const row = rows.get(code);
    if (row === undefined) return null;
    const steps = view.getUint16(2 * (row * width + content.states[hour]), true);
    return steps === NONE ? null : steps / STEPS;
  };
  return { level: content.level, monday: content.monday, codes: content.codes, has: (code) => rows.has(code), share };
}
