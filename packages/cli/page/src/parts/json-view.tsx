/** A JSON value, indented and coloured. Text from events is shown as text, never as markup. */
const tokens = /("(?:\\.|[^"\\])*")(\s*:)?|\b(true|false|null)\b|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)/g
const mostColoured = 100_000

export function JsonView({ value, label }: { readonly value: unknown; readonly label: string }) {
  const text = typeof value === 'string' ? JSON.stringify(value) : JSON.stringify(value, undefined, 2)
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls must be reachable by the keyboard
    <section class="json" aria-label={label} tabIndex={0}>
      <pre>{text === undefined ? 'nothing' : text.length > mostColoured ? text : coloured(text)}</pre>
    </section>
  )
}

function coloured(text: string) {
  const parts = []
  let end = 0
  for (const { index, 0: token, 1: string, 2: colon, 3: word } of text.matchAll(tokens)) {
    if (index > end) parts.push(text.slice(end, index))
    const kind = colon !== undefined ? 'key' : string !== undefined ? 'string' : word ? 'word' : 'digits'
    parts.push(
      <span class={kind} key={index}>
        {token}
      </span>,
    )
    end = index + token.length
  }
  parts.push(text.slice(end))
  return parts
}
