/** Reads the lines of a source of bytes. */
import { TextDecoder } from 'node:util'
import { CommandFailure } from './failure.ts'

/**
 * Yields each line, without its end. A byte order mark at the beginning is left out.
 * @throws CommandFailure if the bytes are no UTF-8: replaced characters would be recorded for ever
 */
export async function* linesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let count = 0
  let parts: string[] = []
  for await (const bytes of source) {
    const [first = '', ...others] = decoded(decoder, count, bytes).split('\n')
    parts.push(first)
    for (const next of others) {
      count++
      yield parts.join('')
      parts = [next]
    }
  }
  yield parts.join('') + decoded(decoder, count)
}

/** `bytes`: undefined at the end of the source. */
function decoded(decoder: TextDecoder, lines: number, bytes?: Uint8Array): string {
  try {
    return decoder.decode(bytes, { stream: bytes !== undefined })
  } catch {
    throw new CommandFailure(`The source is no UTF-8 after line ${lines}: convert it first`)
  }
}
