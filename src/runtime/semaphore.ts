/** A counting semaphore. Callers that find no free slot wait in line. */
export class Semaphore {
  #free: number
  readonly #line: (() => void)[] = []

  constructor(slots: number) {
    this.#free = slots
  }

  tryAcquire(): boolean {
    if (this.#free === 0) return false
    this.#free--
    return true
  }

  async acquire(): Promise<void> {
    if (!this.tryAcquire()) await new Promise<void>((resolve) => this.#line.push(resolve))
  }

  release(): void {
    const next = this.#line.shift()
    if (next === undefined) this.#free++
    else next()
  }

  /** Calls `work` with a slot, which it releases when the work has settled. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    await this.acquire()
    try {
      return await work()
    } finally {
      this.release()
    }
  }
}
