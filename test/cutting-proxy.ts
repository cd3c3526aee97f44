/**
 * A TCP proxy in front of a Postgres server. It can cut a connection at any message of the protocol: before, within or
 * after the message. `cutAnswers` is the worst cut: the server commits a write, and the client gets no answer.
 *
 *     client ── P B E S ──► proxy ── P B E S ──► server      the proxy forwards the request; the server commits
 *     client     ╳          proxy ◄─ 1 2 C Z ──  server      the proxy withholds the answer, and cuts the connection
 *
 * A request is all messages of a client up to a Sync, or one simple Query. The server answers requests in their order,
 * each with messages up to one ReadyForQuery. So the proxy can assign every message to its request.
 */
import { createServer, type Server, type Socket, connect as tcpConnect } from 'node:net'
import type { CuttingProxy } from '@eventsourced/core/conformance'
import { errorResponse, MessageReader, type RawMessage, readText } from './wire.ts'

export interface WireMessage {
  readonly from: 'client' | 'server'
  /** The type letter of the message. Empty for a client's first message, which has none. */
  readonly type: string
  /** Whether the message belongs to a request that writes or ends a transaction that wrote, or to its answer. */
  readonly writes: boolean
}

/**
 * What to do with a message. The proxy forwards a withheld message together with the next message that passes, or drops
 * it when it cuts the connection.
 */
export type Verdict = 'pass' | 'withhold' | 'cut before' | 'cut within' | 'cut after'

export type Judge = (message: WireMessage) => Verdict

const writing = /\b(append_to_\w+|import_events|create_stream|write_documents)\s*\(|\binsert\s+into\b/i
const defining = /\bcreate\s+(or\s+replace\s+)?(function|table|view)\b/i

const sslRequest = 80877103
const encryptionRequest = 80877104

const isEncryptionRequest = (bytes: Buffer) => [sslRequest, encryptionRequest].includes(bytes.readInt32BE(4))

export class CuttingPostgresProxy implements CuttingProxy {
  /** The URL that clients connect to in place of the server's. */
  readonly url: string
  cuts = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #target: URL
  /** The answers to cut off, each with the error to send in its place, if any. */
  #cutsToCome: { readonly error?: Buffer }[] = []
  #errorInstead: Buffer | undefined
  /** The errors with which the proxy refuses the next connections. */
  #refusalsToCome: Buffer[] = []
  #judge: Judge | undefined
  #isSwallowing = false
  readonly #pairs = new Set<{ readonly client: Socket; readonly upstream: Socket }>()

  static async start(targetUrl: string): Promise<CuttingPostgresProxy> {
    const server = createServer()
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(0, '127.0.0.1', resolve)
    })
    return new CuttingPostgresProxy(server, new URL(targetUrl))
  }

  private constructor(server: Server, target: URL) {
    const address = server.address()
    const url = new URL(target)
    url.host = `127.0.0.1:${typeof address === 'object' ? address?.port : address}`
    this.url = url.href
    this.#server = server
    this.#target = target
    server.on('connection', (client) => {
      if (this.#isSwallowing) {
        this.#sockets.add(client)
        client.on('error', () => client.destroy())
        client.on('close', () => this.#sockets.delete(client))
        client.resume()
        return
      }
      const refusal = this.#refusalsToCome.shift()
      if (refusal !== undefined) {
        this.#refuse(client, refusal)
        return
      }
      const upstream = tcpConnect(Number(this.#target.port || 5432), this.#target.hostname)
      for (const socket of [client, upstream]) {
        this.#sockets.add(socket)
        socket.setNoDelay()
        socket.on('close', () => this.#sockets.delete(socket))
      }
      const pair = { client, upstream }
      this.#pairs.add(pair)
      client.on('close', () => this.#pairs.delete(pair))
      new Connection(
        client,
        upstream,
        (message) => this.#decide(message),
        () => this.#errorInstead,
      )
    })
  }

  /** Cuts off the answers to the next `times` writes. */
  cutAnswers(times: number): void {
    this.#cutsToCome = Array.from({ length: times }, () => ({}))
  }

  /** Like `cutAnswers`, but sends the client an error with this SQLSTATE before it cuts the connection. */
  answerWith(code: string, times: number, severity: 'ERROR' | 'FATAL' | 'PANIC' = 'FATAL'): void {
    this.#cutsToCome = Array.from({ length: times }, () => ({ error: errorResponse(code, severity) }))
  }

  /** Cuts off one answer, and sends an error of severity ERROR in place of the next one. */
  cutAndAnswerWith(code: string): void {
    this.#cutsToCome = [{}, { error: errorResponse(code, 'ERROR') }]
  }

  /** Refuses the next `times` connections with an error of severity FATAL, as a pooler does. */
  refuseConnections(code: string, times: number): void {
    this.#refusalsToCome = Array.from({ length: times }, () => errorResponse(code, 'FATAL'))
  }

  /** Lets `judge` decide on every message, until the next call. */
  cutWhen(judge: Judge | undefined): void {
    this.#judge = judge
    this.#errorInstead = undefined
  }

  /** Leads new connections to another server. Existing connections stay on theirs. */
  leadTo(targetUrl: string): void {
    this.#target = new URL(targetUrl)
  }

  /**
   * Forwards nothing more on the present connections, and keeps them open. New connections work. `'answers'`: still
   * forwards what the client sends, so that the server executes it.
   */
  silence(which: 'all' | 'answers'): void {
    for (const { client, upstream } of this.#pairs) {
      if (which === 'all') client.pause()
      upstream.pause()
    }
  }

  /** Accepts new connections, and forwards nothing on them, until the next call with false. */
  swallowConnections(isSwallowing: boolean): void {
    this.#isSwallowing = isSwallowing
  }

  /** Cuts all connections. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /**
   * Pauses one direction of one connection for so many milliseconds. `which`: a number from 0 to 1 that selects it.
   * Returns false if there is no connection.
   */
  delayOne(which: number, milliseconds: number): boolean {
    const socket = [...this.#sockets][Math.floor(which * this.#sockets.size)]
    if (socket === undefined) return false
    socket.pause()
    setTimeout(() => socket.resume(), milliseconds)
    return true
  }

  async stop(): Promise<void> {
    this.cutAll()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #refuse(client: Socket, refusal: Buffer): void {
    this.#sockets.add(client)
    client.on('close', () => this.#sockets.delete(client))
    client.on('error', () => client.destroy())
    const reader = new MessageReader('untyped first')
    client.on('data', (chunk) => {
      for (const { bytes } of reader.read(chunk)) {
        if (!isEncryptionRequest(bytes)) {
          this.cuts++
          client.end(refusal)
          return
        }
        reader.expectUntyped()
        client.write('N')
      }
    })
  }

  #decide(message: JudgedMessage): Verdict {
    const verdict = this.#judge?.(message) ?? this.#decideOnAnswer(message)
    if (verdict.startsWith('cut')) this.cuts++
    return verdict
  }

  #decideOnAnswer({ from, type, writes, executes, committed }: JudgedMessage): Verdict {
    // Some clients wait for the description of a statement before they run it, so that answer must pass.
    if (from === 'client' || !writes || !executes || this.#cutsToCome.length === 0) return 'pass'
    if (type !== 'Z') return 'withhold'
    if (!committed) return 'pass'
    this.#errorInstead = this.#cutsToCome.shift()?.error
    return 'cut before'
  }
}

interface JudgedMessage extends WireMessage {
  /** Whether the request runs a statement, and does not only prepare it. */
  readonly executes: boolean
  /** True for a ReadyForQuery after a commit: nothing of the request can be rolled back any more. */
  readonly committed: boolean
}

/** What the proxy knows about one request. */
class Request {
  /** Whether the request refers to a statement that writes. */
  writes = false
  /** Whether the request runs that statement, and does not only prepare it. */
  executes = false
  failed = false
}

/** One client's connection, with the state that assigns each message to its request. */
class Connection {
  readonly #client: Socket
  readonly #upstream: Socket
  readonly #decide: (message: JudgedMessage) => Verdict
  readonly #errorInstead: () => Buffer | undefined
  readonly #statements = new Map<string, string>()
  readonly #withheld: Buffer[] = []
  /** The requests without a complete answer. The first one stands for the connect itself, which the server answers. */
  readonly #requests: Request[] = [new Request()]
  #building = new Request()
  #transactionWrote = false

  constructor(
    client: Socket,
    upstream: Socket,
    decide: (message: JudgedMessage) => Verdict,
    errorInstead: () => Buffer | undefined,
  ) {
    this.#client = client
    this.#upstream = upstream
    this.#decide = decide
    this.#errorInstead = errorInstead
    const fromClient = new MessageReader('untyped first')
    const fromServer = new MessageReader('typed')
    client.on('data', (chunk) => {
      for (const message of fromClient.read(chunk)) this.#onClientMessage(message, fromClient)
    })
    upstream.on('data', (chunk) => {
      for (const message of fromServer.read(chunk)) this.#onServerMessage(message)
    })
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      socket.on('end', () => other.end())
      socket.on('close', () => other.destroy())
      socket.on('error', () => other.destroy())
    }
  }

  #onClientMessage(message: RawMessage, reader: MessageReader): void {
    if (message.type === '' && isEncryptionRequest(message.bytes)) {
      // The proxy cannot read encrypted messages, so it refuses encryption. The client then continues without it.
      reader.expectUntyped()
      this.#client.write('N')
      return
    }
    const text = this.#statementOf(message)
    if (text !== undefined && writing.test(text) && !defining.test(text)) this.#building.writes = true
    if (message.type === 'E' || message.type === 'Q') this.#building.executes = true
    const writes = this.#building.writes || this.#transactionWrote || this.#requests.some((one) => one.writes)
    if (message.type === 'S' || message.type === 'Q') {
      this.#requests.push(this.#building)
      this.#building = new Request()
    }
    const judged = { from: 'client', type: message.type, writes, executes: false, committed: false } as const
    this.#forward(judged, message.bytes, this.#upstream)
  }

  /** Returns the text of the statement that the message refers to. */
  #statementOf({ type, bytes }: RawMessage): string | undefined {
    if (type === 'Q') return readText(bytes, 5).text
    if (type === 'P') {
      const name = readText(bytes, 5)
      const { text } = readText(bytes, name.end)
      this.#statements.set(name.text, text)
      return text
    }
    if (type === 'B') return this.#statements.get(readText(bytes, readText(bytes, 5).end).text)
    return undefined
  }

  #onServerMessage({ type, bytes }: RawMessage): void {
    const request = this.#requests[0] ?? this.#building
    if (type === 'E') request.failed = true
    const writes = request.writes || this.#transactionWrote
    const isIdle = type === 'Z' && bytes[5] === 'I'.charCodeAt(0)
    if (type === 'Z') {
      this.#requests.shift()
      this.#transactionWrote = !isIdle && (this.#transactionWrote || (request.writes && request.executes))
    }
    const committed = isIdle && writes && request.executes && !request.failed
    const { executes } = request
    this.#forward({ from: 'server', type, writes, executes, committed }, bytes, this.#client)
  }

  #forward(message: JudgedMessage, bytes: Buffer, receiver: Socket): void {
    if (receiver.destroyed) return
    const verdict = this.#decide(message)
    if (verdict === 'withhold') {
      this.#withheld.push(bytes)
      return
    }
    if (verdict === 'cut before') {
      const error = this.#errorInstead()
      if (error === undefined) this.#cut()
      else this.#client.end(error, () => this.#cut())
      return
    }
    for (const earlier of this.#withheld.splice(0)) receiver.write(earlier)
    if (verdict === 'cut within')
      receiver.write(bytes.subarray(0, Math.ceil(bytes.length / 2)), () => this.#cut())
    else if (verdict === 'cut after') receiver.write(bytes, () => this.#cut())
    else receiver.write(bytes)
  }

  #cut(): void {
    this.#client.destroy()
    this.#upstream.destroy()
  }
}
