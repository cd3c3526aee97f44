/** Creates the databases that the contestants work on. Each contestant has its own. */

export abstract class Server {
  readonly #shared = new Map<string, Promise<string>>()

  /** Creates an empty database, and returns its URL. */
  abstract createDatabase(): Promise<string>

  abstract dropDatabase(url: string): Promise<void>

  /** Runs the maintenance of a filled database (vacuum) that the server would otherwise start in the middle of a turn. */
  abstract tidy(url: string): Promise<void>

  /** Writes the changes of one contestant to the disk, so that the next one does not pay for them. */
  abstract checkpoint(): Promise<void>

  /**
   * Returns how long the smallest transaction that writes takes, in milliseconds. Returns `undefined` if this says
   * nothing about the server.
   */
  abstract commitTime(): Promise<number | undefined>

  /** Returns the shared database of this name. The first call creates and fills it, and it stays until the end. */
  sharedDatabase(name: string, fill: (url: string) => Promise<void>): Promise<string> {
    const made = this.#shared.get(name) ?? this.#makeShared(fill)
    this.#shared.set(name, made)
    return made
  }

  async #makeShared(fill: (url: string) => Promise<void>): Promise<string> {
    const url = await this.createDatabase()
    await fill(url)
    return url
  }
}
