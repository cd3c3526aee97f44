/**
 * An HTTP proxy in front of a DynamoDB emulator. It imitates on real connections what emulators never do: it stays
 * silent, stops within an answer, refuses signatures by its own clock, and answers with errors of the service.
 */
import { createServer, type IncomingMessage, type ServerResponse, request as sendRequest } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

export interface ProxiedRequest {
  /** The name of the operation, for example `PutItem`. */
  readonly command: string
  readonly input: Record<string, unknown>
  /** The time with which the client has signed the request, in milliseconds since 1970. */
  readonly signedAt: number
}

/** An error of the service, which the proxy sends in place of an answer. */
export interface ServiceRefusal {
  readonly name: string
  readonly message: string
}

/**
 * `silent`: the proxy forwards nothing and never answers. `unanswered`: it forwards the request, and never answers.
 * `half`: it sends the headers and half of the answer, then nothing more.
 */
export type Treatment = 'pass' | 'silent' | 'unanswered' | 'half' | ServiceRefusal

export interface DynamodbProxy {
  readonly endpoint: string
  /** Decides on each request, until the next call. */
  treat(treatment: (request: ProxiedRequest) => Treatment): void
  /** Changes the body of each answer. */
  changeAnswers(change: (request: ProxiedRequest, answer: Record<string, unknown>) => void): void
  /** Accepts connections, and reads nothing from them, until the next call with false. */
  ignoreConnections(ignores: boolean): void
  /** How far the clock of the service is ahead of the clock of this process, in milliseconds. */
  setClock(ahead: number): void
  stop(): Promise<void>
}

export async function startProxy(target: string): Promise<DynamodbProxy> {
  let treatmentOf: (request: ProxiedRequest) => Treatment = () => 'pass'
  let changeAnswer: (request: ProxiedRequest, answer: Record<string, unknown>) => void = () => {}
  let isIgnoring = false
  let ahead = 0
  const sockets = new Set<Socket>()
  const server = createServer((incoming, outgoing) => {
    handle(incoming, outgoing).catch(() => outgoing.destroy())
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    if (isIgnoring) socket.pause()
  })

  async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await bytesOf(incoming)
    const request = {
      command: String(incoming.headers['x-amz-target']).replace(/^.*\./, ''),
      input: JSON.parse(body.toString()),
      signedAt: timeOf(String(incoming.headers['x-amz-date'])),
    }
    const treatment = treatmentOf(request)
    if (treatment === 'silent') return
    const headers = { 'content-type': 'application/x-amz-json-1.0', date: dateHeader() }
    if (typeof treatment === 'object') {
      const { name, message } = treatment
      outgoing
        .writeHead(400, headers)
        .end(JSON.stringify({ __type: `com.amazon.coral.service#${name}`, message }))
      return
    }
    const answer = await forward(incoming, body)
    if (treatment === 'unanswered') return
    const text = changed(request, answer.body)
    // The checksum of the emulator is not the checksum of a changed answer, so the proxy sends none.
    outgoing.writeHead(answer.status, { ...headers, 'content-length': text.length })
    if (treatment === 'half') outgoing.write(text.subarray(0, Math.floor(text.length / 2)))
    else outgoing.end(text)
  }

  function changed(request: ProxiedRequest, body: Buffer): Buffer {
    const answer = JSON.parse(body.toString())
    changeAnswer(request, answer)
    return Buffer.from(JSON.stringify(answer))
  }

  const dateHeader = () => new Date(Date.now() + ahead).toUTCString()

  async function forward(incoming: IncomingMessage, body: Buffer): Promise<{ status: number; body: Buffer }> {
    const headers = { ...incoming.headers, 'content-length': String(body.length) }
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      sendRequest(target, { method: 'POST', headers }, resolve).on('error', reject).end(body)
    })
    return { status: answer.statusCode ?? 0, body: await bytesOf(answer) }
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    treat(treatment) {
      treatmentOf = treatment
    },
    changeAnswers(change) {
      changeAnswer = change
    },
    ignoreConnections(ignores) {
      isIgnoring = ignores
      for (const socket of sockets) {
        if (ignores) socket.pause()
        else socket.resume()
      }
    },
    setClock(to) {
      ahead = to
    },
    async stop() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function bytesOf(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** The time of an `X-Amz-Date` header, as 20261130T110740Z. */
function timeOf(date: string): number {
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date) ?? []
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
}
