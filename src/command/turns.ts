/**
 * Lets the commands of one stream take turns, in the order of their calls, so that each decides on the result of the
 * one before instead of losing a race against it.
 *
 *     called ──▶ waiting ──▶ has the turn ──▶ ended
 *                   │             │              ▲
 *                   ▼             ▼              │
 *                aborted      overdue: the next command begins beside it
 *
 * Turns spare commands a race and prove nothing: the append at the decided version does. So a command whose decision
 * hangs, or waits for a command behind it, holds the others up for a limited time only.
 */
import { abortable } from '../runtime/abort.ts'

const defaultLongestTurn = 5_000

export class Turns {
  /** The streams with a turn under way, each with the commands that wait for the next one, in order. */
  readonly #waiting = new Map<string, Set<() => void>>()
  readonly #longestTurn: number

  /** `longestTurn`: how long, in milliseconds, one decision and its append may keep the turn. */
  constructor(longestTurn: number = defaultLongestTurn) {
    this.#longestTurn = longestTurn
  }

  /**
   * Runs a command when it is its turn. `run` gets a function that gives the command the full time again. It calls that
   * function before it decides again, because another append came first.
   * @throws the signal's reason if the signal is aborted while the command waits
   */
  async take<T>(
    stream: string,
    signal: AbortSignal | undefined,
    run: (extendTurn: () => void) => Promise<T>,
  ): Promise<T> {
    const waiting = this.#waiting.get(stream)
    if (waiting === undefined) this.#waiting.set(stream, new Set())
    else await this.#wait(stream, waiting, signal)
    let isOver = false
    const end = () => {
      clearTimeout(timer)
      if (!isOver) this.#pass(stream)
      isOver = true
    }
    const timer = setTimeout(end, this.#longestTurn)
    try {
      return await run(() => {
        if (!isOver) timer.refresh()
      })
    } finally {
      end()
    }
  }

  async #wait(stream: string, waiting: Set<() => void>, signal: AbortSignal | undefined): Promise<void> {
    let begin = () => {}
    const turn = new Promise<void>((resolve) => {
      begin = resolve
    })
    waiting.add(begin)
    try {
      await abortable(turn, signal)
    } catch (reason) {
      // A command that got the turn in the moment of its abort must hand it on.
      if (!waiting.delete(begin)) this.#pass(stream)
      throw reason
    }
  }

  /** Gives the turn to the command that has waited longest. Without one, nothing is left of the stream. */
  #pass(stream: string): void {
    const waiting = this.#waiting.get(stream)
    const [begin] = waiting ?? []
    if (begin === undefined) this.#waiting.delete(stream)
    else {
      waiting?.delete(begin)
      begin()
    }
  }
}
