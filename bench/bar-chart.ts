/** Draws pairs of horizontal bars as an SVG. Each pair has its own scale, and a mark that shows the target of our bar. */

export interface BarPair {
  readonly title: string
  /** The result of the pair, shown to the right of the title. */
  readonly verdict: string
  readonly met: boolean
  /** From top to bottom; the first is ours. */
  readonly bars: readonly { readonly name: string; readonly value: number; readonly label: string }[]
  /** The target: the value that the first bar must reach, or must not exceed. */
  readonly mark: number
}

const width = 760
const margin = 20
const nameWidth = 120
const labelWidth = 150
const barHeight = 16
const barsLeft = margin + nameWidth
const barsWidth = width - barsLeft - labelWidth - margin

const colors = {
  text: '#1f2328',
  faint: '#59636e',
  ours: '#2563a8',
  peer: '#a9b1ba',
  mark: '#c2410c',
  missed: '#b42318',
}

// About how many small letters fit into the width.
const mostLetters = 125

/** Breaks a note into lines that fit, after commas. */
function wrapped(note: string): string[] {
  const lines = ['']
  for (const piece of note.split(/(?<=, )/)) {
    if (`${lines.at(-1)}${piece}`.length > mostLetters) lines.push('')
    lines[lines.length - 1] += piece
  }
  return lines.map((line) => line.trim())
}

export function barChart(title: string, notes: readonly string[], pairs: readonly BarPair[]): string {
  const parts: string[] = [text(margin, 30, title, { size: 17, weight: 600 })]
  let top = 48
  for (const note of notes.flatMap(wrapped)) {
    parts.push(text(margin, top, note, { size: 11, color: colors.faint }))
    top += 15
  }
  for (const pair of pairs) {
    top += 18
    parts.push(drawPair(pair, top))
    top += 16 + pair.bars.length * (barHeight + 4) + 8
  }
  const height = top + 8
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`,
    `  font-family="system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif" role="img">`,
    `<title>${escaped(title)}</title>`,
    // The page around the chart may be dark, so the chart has its own background.
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...parts,
    '</svg>\n',
  ].join('\n')
}

function drawPair({ title, verdict, met, bars, mark }: BarPair, top: number): string {
  const most = Math.max(mark, ...bars.map(({ value }) => value))
  const scale = (value: number) => (value / most) * barsWidth
  const drawn = bars.flatMap(({ name, value, label }, index) => {
    const y = top + 10 + index * (barHeight + 4)
    const color = index === 0 ? colors.ours : colors.peer
    const length = Math.max(1, scale(value))
    const beforeMark = scale(mark) - length
    // If the mark would cross the label, the label moves to the right of the mark.
    const end = index === 0 && beforeMark >= 0 && beforeMark < label.length * 7 + 10 ? scale(mark) : length
    return [
      text(barsLeft - 8, y + 12, name, { size: 12, anchor: 'end' }),
      `<rect x="${barsLeft}" y="${y}" width="${length.toFixed(1)}" height="${barHeight}" fill="${color}"/>`,
      text(barsLeft + end + 7, y + 12, label, { size: 12 }),
    ]
  })
  const x = (barsLeft + scale(mark)).toFixed(1)
  return [
    text(margin, top, title, { size: 13, weight: 600 }),
    text(width - margin, top, verdict, {
      size: 13,
      weight: 600,
      anchor: 'end',
      color: met ? colors.text : colors.missed,
    }),
    ...drawn,
    `<line x1="${x}" x2="${x}" y1="${top + 6}" y2="${top + 14 + barHeight}" stroke="${colors.mark}" stroke-width="2"/>`,
  ].join('\n')
}

interface TextStyle {
  readonly size: number
  readonly weight?: number
  readonly anchor?: 'start' | 'end'
  readonly color?: string
}

function text(
  x: number,
  y: number,
  content: string,
  { size, weight = 400, anchor = 'start', color = colors.text }: TextStyle,
): string {
  return (
    `<text x="${Number(x.toFixed(1))}" y="${y}" font-size="${size}" font-weight="${weight}" text-anchor="${anchor}" ` +
    `fill="${color}">${escaped(content)}</text>`
  )
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
