/** Prints what commands find: lines of text for people, or JSON Lines for programs. */

/** Where the program writes. Tests replace it. */
export interface Terminal {
  /** Writes a line to the standard output. Resolves once the reader has taken it. */
  out(line: string): Promise<void>
  /** Writes a line to the standard error. */
  err(line: string): void
  /** Whether a person reads the output and can answer. Only then bars are drawn and questions asked. */
  readonly isInteractive: boolean
}

/** A column of a table of text. */
export interface Column<Row> {
  readonly title: string
  /** Shorter values are padded to this width. */
  readonly width: number
  readonly align?: 'right' | undefined
  text(row: Row): string
}

export class Printer {
  readonly isJson: boolean
  readonly #terminal: Terminal

  constructor(terminal: Terminal, isJson: boolean) {
    this.#terminal = terminal
    this.isJson = isJson
  }

  /** Prints one thing: `value` as a line of JSON, or the lines of text. */
  async print(value: object, text: string): Promise<void> {
    await this.#terminal.out(this.isJson ? jsonLine(value) : printableLines(text))
  }

  /** Prints a line for people only, on the standard error, so that it never mixes with the results. */
  note(text: string): void {
    this.#terminal.err(text)
  }

  /** Prints rows as they come: a table, or one line of JSON for each row. */
  async table<Row extends object>(
    rows: AsyncIterable<Row> | Iterable<Row>,
    columns: readonly Column<Row>[],
    whenEmpty: string,
  ): Promise<void> {
    let isFirst = true
    for await (const row of rows) {
      if (isFirst && !this.isJson) {
        await this.#terminal.out(lineOf(columns, (column) => column.title))
      }
      isFirst = false
      await this.#terminal.out(this.isJson ? jsonLine(row) : lineOf(columns, (column) => column.text(row)))
    }
    if (isFirst) this.note(whenEmpty)
  }
}

function jsonLine(value: object): string {
  return JSON.stringify(value, (_, part: unknown) => (part === undefined ? null : part))
}

function lineOf<Row>(columns: readonly Column<Row>[], textOf: (column: Column<Row>) => string): string {
  const cells = columns.map((column) => {
    const text = printable(textOf(column))
    return column.align === 'right' ? text.padStart(column.width) : text.padEnd(column.width)
  })
  return cells.join('  ').trimEnd()
}

/** As `printable`, but keeps line breaks. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n')
}

/** Replaces characters that control a terminal: ids and data come from anybody. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to replace
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '\ufffd')
}
