/**
 * A client's history: a file of JSON lines. The client writes each line before it continues. A written line survives a
 * kill -9 of the process, because the operating system has it. No campaign crashes the machine, so clients do not flush
 * to the disk.
 */
import { closeSync, existsSync, fstatSync, openSync, readFileSync, writeSync } from 'node:fs'

export class History<Line> {
  readonly #file: number

  constructor(path: string) {
    this.#file = openSync(path, 'a')
    // The last line of a killed process may be incomplete.
    if (fstatSync(this.#file).size > 0) writeSync(this.#file, '\n')
  }

  write(line: Line): void {
    const text = Buffer.from(`${JSON.stringify(line)}\n`)
    for (let at = 0; at < text.length; ) at += writeSync(this.#file, text, at)
  }

  close(): void {
    closeSync(this.#file)
  }
}

/** Reads the lines of a history. It leaves out incomplete lines, whose process was killed while it wrote them. */
export function readHistory<Line>(path: string): Line[] {
  if (!existsSync(path)) return []
  const lines: Line[] = []
  for (const text of readFileSync(path, 'utf8').split('\n')) {
    if (!text.endsWith('}')) continue
    try {
      lines.push(JSON.parse(text) as Line)
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
    }
  }
  return lines
}
