/** A button that copies a text, and says whether it did. */
import { useEffect, useRef, useState } from 'preact/hooks'

interface CopyButtonProps {
  readonly label: string
  /** Makes the text when the user asks for it. */
  readonly text: () => string | Promise<string>
}

const shownFor = 2_000

export function CopyButton({ label, text }: CopyButtonProps) {
  const [outcome, setOutcome] = useState('')
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  useEffect(() => () => clearTimeout(timer.current), [])
  const copy = async () => {
    clearTimeout(timer.current)
    const isCopied = await copyText(text)
    setOutcome(isCopied ? 'Copied' : 'Not copied: the browser forbids it here')
    timer.current = setTimeout(() => setOutcome(''), shownFor)
  }
  return (
    <span class="copy">
      <button type="button" onClick={() => void copy()}>
        {label}
      </button>
      <span role="status">{outcome}</span>
    </span>
  )
}

async function copyText(text: CopyButtonProps['text']): Promise<boolean> {
  try {
    const copied = await text()
    if (navigator.clipboard !== undefined) {
      await navigator.clipboard.writeText(copied)
      return true
    }
    return copySelected(copied)
  } catch {
    return false
  }
}

/** Without HTTPS, a browser offers no clipboard, but copies what is selected. */
function copySelected(text: string): boolean {
  const area = document.createElement('textarea')
  area.value = text
  document.body.append(area)
  area.select()
  const isCopied = document.execCommand('copy')
  area.remove()
  return isCopied
}
