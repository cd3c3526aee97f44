/** Reads the messages of the Postgres protocol from a stream of bytes. */

export interface RawMessage {
  /** The type letter of the message. Empty for a client's first message, which has none. */
  readonly type: string
  /** The whole message, with its letter and length. */
  readonly bytes: Buffer
}

/** Splits the bytes of one direction of a connection into messages. */
export class MessageReader {
  #rest: Buffer = Buffer.alloc(0)
  #typed: boolean

  constructor(kind: 'typed' | 'untyped first') {
    this.#typed = kind === 'typed'
  }

  /** Expects another message without a letter: the one before only asked for encryption. */
  expectUntyped(): void {
    this.#typed = false
  }

  /** Yields the messages that this chunk completes. */
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

/** Makes an ErrorResponse. A server sends one of severity FATAL before it ends a connection. */
export function errorResponse(code: string, severity: 'ERROR' | 'FATAL' | 'PANIC'): Buffer {
  const fields = [`S${severity}`, `V${severity}`, `C${code}`, 'Mput in place of the answer'].map(
    (field) => `${field}\0`,
  )
  const body = Buffer.from(`${fields.join('')}\0`)
  const head = Buffer.alloc(5)
  head.write('E')
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

/** Reads the NUL-terminated text at `from`. `end`: the offset after it. */
export function readText(bytes: Buffer, from: number): { readonly text: string; readonly end: number } {
  const end = bytes.indexOf(0, from)
  return { text: bytes.toString('utf8', from, end), end: end + 1 }
}
