/* Where the visitor is in a table, and where a key leads from there. Knows no DOM. */

export interface Place {
  /** In the order shown; -1: the header. */
  readonly row: number;
  readonly column: number;
}

export interface Cursor {
  readonly at: Place;
  /** The other corner of the selection. */
  readonly anchor: Place;
}

export interface Extent {
  readonly rows: number;
  readonly columns: number;
  /** Rows that PageUp and PageDown go. */
  readonly page: number;
}

/** Where a key leads; null: it does not move. */
export function moved(cursor: Cursor, key: string, far: boolean, extend: boolean, extent: Extent): Cursor | null {
  const { row, column } = cursor.at;
  const last = extent.rows - 1;
  const to = ((): Place | null => {
    switch (key) {
      case "ArrowUp":
        return { row: far ? 0 : row - 1, column };
      case "ArrowDown":
        return { row: far ? last : row + 1, column };
      case "ArrowLeft":
        return { row, column: far ? 0 : column - 1 };
      case "ArrowRight":
        return { row, column: far ? extent.columns - 1 : column + 1 };
      case "Home":
        return { row: far ? 0 : row, column: 0 };
      case "End":
        return { row: far ? last : row, column: extent.columns - 1 };
      case "PageUp":
        return { row: Math.max(0, row - extent.page), column };
      case "PageDown":
        return { row: row + extent.page, column };
      default:
        return null;
    }
  })();
  if (!to) return null;
  const at = clampPlace(to, extent, extend ? 0 : -1);
  return { at, anchor: extend ? cursor.anchor : at };
}

export function clampPlace(place: Place, extent: Extent, least = -1): Place {
  return {
    row: Math.max(Math.min(least, extent.rows - 1), Math.min(extent.rows - 1, place.row)),
    column: Math.max(0, Math.min(extent.columns - 1, place.column)),
  };
}

export interface Range {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

export function rangeOf({ at, anchor }: Cursor): Range {
  return {
    top: Math.max(0, Math.min(at.row, anchor.row)),
    bottom: Math.max(at.row, anchor.row),
    left: Math.min(at.column, anchor.column),
    right: Math.max(at.column, anchor.column),
  };
}
