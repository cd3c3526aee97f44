/** Slows down a caller that tries many tokens. A right token is never slowed. */
import { Refusal } from '../refusal.ts'

const freeTries = 10
const memory = 60_000
const longestDelay = 2_000
const mostWaiting = 20

export class WrongTries {
  #tries: number[] = []
  #waiting = 0

  /**
   * Notes a wrong try, and lets it wait: longer with each try of the last minute.
   * @throws Refusal at once if many others wait
   */
  async note(signal: AbortSignal): Promise<void> {
    const at = Date.now()
    this.#tries = this.#tries.filter((time) => at - time < memory).slice(-100)
    this.#tries.push(at)
    const above = this.#tries.length - freeTries
    if (above <= 0) return
    if (this.#waiting >= mostWaiting) {
      const detail = 'Too many wrong tokens were tried. Wait a minute.'
      throw new Refusal(429, 'too-many-tries', 'Too many tries', detail, { 'Retry-After': '60' })
    }
    this.#waiting++
    await pause(Math.min(above * 100, longestDelay), signal).finally(() => this.#waiting--)
  }
}

/** Resolves after the time, or when the client leaves. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, milliseconds)
    if (signal.aborted) end()
    else signal.addEventListener('abort', end)
  })
}
