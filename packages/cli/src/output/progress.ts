/** Shows how far a long command is, on the standard error: a bar for people, a line every few seconds elsewhere. */
import type { Terminal } from './printer.ts'

const pauseBetweenLines = 2_000

/** `done` of `total`, in any unit; `total` may grow. `timeLeft`: an estimate in milliseconds, if there is one. */
export interface Step {
  readonly done: number
  readonly total: number
  readonly timeLeft?: number | undefined
}

export class Progress {
  readonly #terminal: Terminal
  readonly #unit: string
  #bar:
    | { update(value: number, payload: object): void; setTotal(total: number): void; stop(): void }
    | undefined
  #lastLine = Number.NEGATIVE_INFINITY

  constructor(terminal: Terminal, unit: string) {
    this.#terminal = terminal
    this.#unit = unit
  }

  async show({ done, total, timeLeft }: Step): Promise<void> {
    const left = timeLeft === undefined || !Number.isFinite(timeLeft) ? '' : `, ${duration(timeLeft)} left`
    if (this.#terminal.isInteractive) {
      this.#bar ??= await openBar(total, this.#unit)
      this.#bar.setTotal(Math.max(total, done))
      this.#bar.update(done, { left })
    } else if (performance.now() - this.#lastLine >= pauseBetweenLines) {
      this.#lastLine = performance.now()
      // The size of the standard input is unknown.
      const share = total < done ? done : `${done} of ${total}`
      this.#terminal.err(`${share} ${this.#unit}${left}`)
    }
  }

  end(): void {
    this.#bar?.stop()
  }
}

async function openBar(total: number, unit: string) {
  const { default: progress } = await import('cli-progress')
  const format = `{bar} {percentage} % | {value} of {total} ${unit}{left}`
  const bar = new progress.SingleBar(
    { format, hideCursor: true, stream: process.stderr },
    progress.Presets.shades_classic,
  )
  bar.start(total, 0, { left: '' })
  return bar
}

/** Such as `12 s`, `3 min 20 s` or `2 h 5 min`. */
export function duration(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1_000)
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`
}
