/** Emulators of DynamoDB. Each contestant gets its own, because an emulator keeps all items in memory. */
import { type StartedEmulator, startEmulator } from '../test/emulators/start.ts'
import { Server } from './server.ts'

export class EmulatorServer extends Server {
  readonly #emulators = new Map<string, StartedEmulator>()

  async createDatabase(): Promise<string> {
    const emulator = await startEmulator('dynoxide')
    this.#emulators.set(emulator.endpoint, emulator)
    return emulator.endpoint
  }

  async dropDatabase(url: string): Promise<void> {
    await this.#emulators.get(url)?.stop()
    this.#emulators.delete(url)
  }

  async tidy(): Promise<void> {}

  async checkpoint(): Promise<void> {}

  /** An emulator keeps its items in memory, so there is no fsync to measure. */
  async commitTime(): Promise<undefined> {}
}
