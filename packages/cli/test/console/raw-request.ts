/** Sends the bytes of a request as they are: `fetch` would tidy up the path, and set the headers itself. */
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'

/** Returns the whole answer, headers included. The server closes the connection after it. */
export async function rawRequest(
  port: number,
  requestLine: string,
  headers: Readonly<Record<string, string>> = { Host: `localhost:${port}` },
  body = '',
): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  const lines = Object.entries({ ...headers, Connection: 'close' }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  socket.write(`${requestLine} HTTP/1.1\r\n${lines.join('')}\r\n${body}`)
  return text(socket)
}
