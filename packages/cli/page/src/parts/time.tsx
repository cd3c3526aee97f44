/** A moment: how long ago it was, and on hover exactly when. */
interface TimeProps {
  /** ISO 8601. Without it, a dash. */
  readonly at: string | undefined
  /** Shows the time itself instead of its distance. @default false */
  readonly isExact?: boolean
}

export function Time({ at, isExact = false }: TimeProps) {
  if (at === undefined) return <span>–</span>
  return (
    <time dateTime={at} title={at}>
      {isExact ? at.replace('T', ' ').replace('Z', '') : ago(Date.now() - Date.parse(at))}
    </time>
  )
}

const ago = (milliseconds: number) => (milliseconds < 1_000 ? 'just now' : `${duration(milliseconds)} ago`)

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const

/** Milliseconds in the largest fitting unit: `3 min`, `120 ms`. */
export function duration(milliseconds: number): string {
  for (const [unit, length] of units) {
    if (milliseconds >= length) return `${Math.floor(milliseconds / length)} ${unit}`
  }
  return `${Math.max(0, Math.round(milliseconds))} ms`
}
