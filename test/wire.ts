/** Reading the messages of the Postgres protocol out of a stream of bytes. */

export interface RawMessage {
  /** The message's letter; empty for a client's first one, which has none. */
  readonly type: string
  /** All of it, with letter and length. */
  readonly bytes: Buffer
}

export class MessageReader {
  #rest: Buffer = Buffer.alloc(0)
  #typed: boolean

  constructor(kind: 'typed' | 'untyped first') {
    this.#typed = kind === 'typed'
  }

  /** The next message has no letter either: the one before was only a question before the first. */
  expectUntyped(): void {
    this.#typed = false
  }

  /** The messages that are complete with this chunk. */
  *read(chunk: Buffer): Generator<RawMessage> {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    for (;;) {
      const letters = this.#typed ? 1 : 0
      if (this.#rest.length < letters + 4) return
      const length = letters + this.#rest.readInt32BE(letters)
      if (this.#rest.length < length) return
      const bytes = this.#rest.subarray(0, length)
      this.#rest = this.#rest.subarray(length)
      this.#typed = true
      yield { type: letters === 1 ? String.fromCharCode(bytes[0] as number) : '', bytes }
    }
  }
}

/** An ErrorResponse as of a server that ends the connection with it. */
export function fatalError(code: string): Buffer {
  const fields = [`SFATAL`, `VFATAL`, `C${code}`, 'Mput in place of the answer'].map((field) => `${field}\0`)
  const body = Buffer.from(`${fields.join('')}\0`)
  const head = Buffer.alloc(5)
  head.write('E')
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

/** The text that begins here and ends with NUL, and where the next one begins. */
export function readText(bytes: Buffer, from: number): { readonly text: string; readonly end: number } {
  const end = bytes.indexOf(0, from)
  return { text: bytes.toString('utf8', from, end), end: end + 1 }
}
