/** A field for a text to search by. It reports the text a moment after the last key. */
import { useEffect, useId, useRef, useState } from 'preact/hooks'

interface SearchFieldProps {
  readonly label: string
  readonly value: string
  readonly change: (text: string) => void
}

const pause = 200

export function SearchField({ label, value, change }: SearchFieldProps) {
  const [text, setText] = useState(value)
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  const id = useId()
  useEffect(() => setText(value), [value])
  useEffect(() => () => clearTimeout(timer.current), [])
  const typed = (text: string) => {
    setText(text)
    clearTimeout(timer.current)
    timer.current = setTimeout(() => change(text), pause)
  }
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="search"
        data-search
        value={text}
        autocomplete="off"
        spellcheck={false}
        onInput={({ currentTarget }) => typed(currentTarget.value)}
      />
    </div>
  )
}
