/** Where the databases come from that the contestants work on: each has one of its own. */

export abstract class Server {
  readonly #shared = new Map<string, Promise<string>>()

  /** A fresh database; says where it is. */
  abstract createDatabase(): Promise<string>

  abstract dropDatabase(url: string): Promise<void>

  /** Does what the server would else come to by itself in the middle of a turn, as soon as a database is filled. */
  abstract tidy(url: string): Promise<void>

  /** Writes out what one contestant left behind, so that the next one does not pay for it. */
  abstract checkpoint(): Promise<void>

  /** A database that is made and filled when first asked for, and stays until the end. */
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
