/** Whether the console and its database answer. The page says so while they do not. */
import { useEffect, useState } from 'preact/hooks'

let away: string | undefined
const listeners = new Set<(away: string | undefined) => void>()

/** A request was answered. */
export function noteAnswer(): void {
  note(undefined)
}

/** A request could not be answered, because the console or its database is away. */
export function noteAway(reason: string): void {
  note(reason)
}

/** Returns why nothing can be read at present; undefined while all is well. */
export function useAway(): string | undefined {
  const [reason, setReason] = useState(away)
  useEffect(() => {
    listeners.add(setReason)
    setReason(away)
    return () => void listeners.delete(setReason)
  }, [])
  return reason
}

/** Calls `work` when requests are answered again. Returns a function that ends this. */
export function onReturn(work: () => void): () => void {
  let wasAway = away !== undefined
  const listener = (reason: string | undefined) => {
    if (wasAway && reason === undefined) work()
    wasAway = reason !== undefined
  }
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

function note(reason: string | undefined): void {
  if (reason === away) return
  away = reason
  for (const listener of [...listeners]) listener(reason)
}
