/** The keys of the page. They do nothing while the user types in a field. */
import { useEffect } from 'preact/hooks'

export interface Shortcut {
  /** One key, or two after each other, as `g s`. */
  readonly keys: string
  readonly does: string
  readonly run: () => void
}

const longestPause = 1_000

export function useShortcuts(shortcuts: readonly Shortcut[]): void {
  useEffect(() => {
    let first = ''
    let firstAt = 0
    const pressed = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return
      const keys =
        event.timeStamp - firstAt < longestPause ? [`${first} ${event.key}`, event.key] : [event.key]
      const found = keys.map((one) => shortcuts.find(({ keys }) => keys === one)).find(Boolean)
      first = event.key
      firstAt = event.timeStamp
      if (found === undefined) return
      event.preventDefault()
      found.run()
    }
    addEventListener('keydown', pressed)
    return () => removeEventListener('keydown', pressed)
  }, [shortcuts])
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('input, select, textarea, dialog') !== null
}

/** Puts the focus into the search field of the screen. */
export function focusSearch(): void {
  document.querySelector<HTMLElement>('[data-search]')?.focus()
}

/** Moves the focus to the next or the previous row of the list. */
export function moveRow(step: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>('[data-row]')]
  const present = rows.findIndex((row) => row.contains(document.activeElement))
  rows[Math.max(0, Math.min(rows.length - 1, present + step))]?.focus()
}
