/** Prints the demo's output: with styles in a terminal, and as plain text in a pipe or with NO_COLOR. */
import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

// `hasColors` knows NO_COLOR, FORCE_COLOR and dumb terminals; a pipe does not have it.
const styled = process.stdout.isTTY && process.stdout.hasColors()

export function style(format: Style, text: string): string {
  return styled ? styleText(format, text) : text
}

export function print(text = ''): void {
  process.stdout.write(`${text}\n`)
}

export function printTitle(title: string, subtitle: string): void {
  print(`\n${style(['bold', 'cyan'], title)}\n${style('dim', subtitle)}\n`)
}

export function printStep(number: number, title: string): void {
  print(`${style(['bold', 'cyan'], String(number))} ${style('bold', title)}`)
}

/** Prints the line below a step that says why the step matters. */
export function printWhy(text: string): void {
  print(`  ${style('dim', `↳ ${text}`)}\n`)
}

/** Prints a table. Columns of numbers, and their titles, are aligned to the right. */
export function printTable(titles: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = titles.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  )
  const numeric = titles.map(
    (_, column) => rows.length > 0 && rows.every((row) => /^[\d,]*$/.test(row[column] ?? '')),
  )
  const line = (cells: readonly string[]) =>
    widths
      .map((width, column) => {
        const cell = cells[column] ?? ''
        return numeric[column] ? cell.padStart(width) : cell.padEnd(width)
      })
      .join('   ')
      .trimEnd()
  print(style('dim', `  ${line(titles)}`))
  for (const row of rows) print(`  ${line(row)}`)
}

const numbers = new Intl.NumberFormat('en-US')

/** Formats a number (262200 → 262,200), with the noun that it counts. */
export function count(value: number, one?: string, many = `${one}s`): string {
  const digits = numbers.format(Math.round(value))
  return one === undefined ? digits : `${digits} ${value === 1 ? one : many}`
}

/** Shortens text from outside to `most` characters, and removes characters that a terminal would interpret. */
export function quote(text: string, most = 60): string {
  const shown = text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '�')
  const characters = [...shown]
  return characters.length > most ? `${characters.slice(0, most - 1).join('')}…` : shown
}
