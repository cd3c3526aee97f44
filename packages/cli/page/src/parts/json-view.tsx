/**
 * A JSON value, indented and coloured. Text from events is shown as text, never as markup. Of a large value it shows the
 * beginning, and the rest when the user asks for it.
 */
import { useMemo, useState } from 'preact/hooks'
import type { Change } from '../../../src/console/shapes/stream.ts'
import { type JsonLine, jsonExcerpt } from './json-lines.ts'
import { size } from './short-text.ts'

interface JsonViewProps {
  readonly value: unknown
  /** Names the part for screen readers. */
  readonly label: string
  /** Marks the lines that these changes have made. @default none */
  readonly changes?: readonly Change[]
}

const limits = { lines: 400, text: 1_000 }
const linesOfPiece = 200

export function JsonView({ value, label, changes }: JsonViewProps) {
  const { lines, isCut } = useMemo(() => jsonExcerpt(value, limits, changes), [value, changes])
  const [shownWhole, setShownWhole] = useState<unknown>()
  const isWhole = isCut && shownWhole === value
  const text = useMemo(() => (isCut ? JSON.stringify(value, undefined, 2) : ''), [value, isCut])
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls must be reachable by the keyboard
    <section class={changes === undefined ? 'json' : 'json compared'} aria-label={label} tabIndex={0}>
      <pre>
        {isWhole ? <Whole text={text} /> : lines.map((line, index) => <Line line={line} key={index} />)}
      </pre>
      {isCut && !isWhole && (
        <p class="rest">
          This is the beginning.{' '}
          <button type="button" onClick={() => setShownWhole(value)}>
            Show all {size(text.length)}
          </button>
        </p>
      )}
    </section>
  )
}

/** The browser lays out only the pieces that are in sight. */
function Whole({ text }: { readonly text: string }) {
  const lines = text.split('\n')
  const pieces: string[] = []
  for (let start = 0; start < lines.length; start += linesOfPiece) {
    pieces.push(lines.slice(start, start + linesOfPiece).join('\n'))
  }
  return pieces.map((piece, index) => (
    <span class="piece" key={index}>
      {piece}
    </span>
  ))
}

function Line({ line: { tokens, mark } }: { readonly line: JsonLine }) {
  return (
    <span class={mark === undefined ? 'line' : `line ${mark}`}>
      {mark !== undefined && <span class="hidden">{mark}: </span>}
      {tokens.map(({ text, kind }, index) =>
        kind === undefined ? (
          text
        ) : (
          <span class={kind} key={index}>
            {text}
          </span>
        ),
      )}
    </span>
  )
}
