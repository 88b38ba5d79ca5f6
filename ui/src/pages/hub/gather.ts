/* What was dropped, folders with all that is in them. */

export interface Dropped {
  /** Where it goes, seen from the folder it was dropped onto. */
  readonly path: string;
  readonly file: File;
}

const FILES_MAX = 5000;

export async function gather(data: DataTransfer): Promise<readonly Dropped[]> {
  // The list is empty once the event is over, so all entries are taken before the first wait.
  const entries = [...data.items].map((item) => item.webkitGetAsEntry?.() ?? null);
  if (entries.every((entry) => entry === null)) return [...data.files].map((file) => ({ path: file.name, file }));
  const found: Dropped[] = [];
  for (const entry of entries) if (entry) await walk(entry, "", found);
  return found;
}

async function walk(entry: FileSystemEntry, folder: string, found: Dropped[]): Promise<void> {
  if (found.length >= FILES_MAX || entry.name === ".git") return;
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    found.push({ path: folder + entry.name, file });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return;
    for (const inner of some) await walk(inner, `${folder}${entry.name}/`, found);
  }
}
