/**
 * A TCP proxy in front of a Postgres server that can cut a connection at any message of the protocol: before or
 * after it is forwarded. `cutAnswers` is the cut that hurts most: what was written is committed, and nobody is told.
 *
 *     client ── P B E S ──► proxy ── P B E S ──► server      the request is forwarded, done and committed
 *     client     ╳          proxy ◄─ 1 2 C Z ──  server      its answer is withheld, and dropped with the connection
 *
 * A request is what a client sends up to a Sync (or a simple Query); the server answers each with messages up to
 * one ReadyForQuery, in the same order, so that requests in flight can be told apart.
 */
import { createServer, type Server, type Socket, connect as tcpConnect } from 'node:net'
import type { CuttingProxy } from '@eventsourced/core/conformance'
import { fatalError, MessageReader, type RawMessage, readText } from './wire.ts'

export interface WireMessage {
  readonly from: 'client' | 'server'
  /** The letter that the protocol gives the message; empty for a client's first one. */
  readonly type: string
  /** Whether it belongs to a request that writes, or that ends a transaction which wrote, or to its answer. */
  readonly writes: boolean
}

/** What to do with a message; a withheld one goes with the next that is let pass, or is dropped by a cut. */
export type Verdict = 'pass' | 'withhold' | 'cut before' | 'cut within' | 'cut after'

export type Judge = (message: WireMessage) => Verdict

const writing = /\b(append_to_\w+|import_events|create_stream)\s*\(|\binsert\s+into\b/i
const defining = /\bcreate\s+(or\s+replace\s+)?(function|table|view)\b/i

const sslRequest = 80877103
const encryptionRequest = 80877104

export class CuttingPostgresProxy implements CuttingProxy {
  /** What clients connect to in place of the server. */
  readonly url: string
  cuts = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #target: URL
  /** The answers to cut off, each with the error that is told in its place, if any. */
  #cutsToCome: { readonly code?: string }[] = []
  #lastWords: string | undefined
  #judge: Judge | undefined

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
      const upstream = tcpConnect(Number(this.#target.port || 5432), this.#target.hostname)
      for (const socket of [client, upstream]) {
        this.#sockets.add(socket)
        socket.setNoDelay()
        socket.on('close', () => this.#sockets.delete(socket))
      }
      new Connection(
        client,
        upstream,
        (message) => this.#decide(message),
        () => this.#lastWords,
      )
    })
  }

  cutAnswers(times: number): void {
    this.#cutsToCome = Array.from({ length: times }, () => ({}))
  }

  /** As `cutAnswers`, but the client is told an error with this SQLSTATE before its connection ends. */
  answerWith(code: string, times: number): void {
    this.#cutsToCome = Array.from({ length: times }, () => ({ code }))
  }

  /** Cuts off one answer, and gives an error in place of the next. */
  cutAndAnswerWith(code: string): void {
    this.#cutsToCome = [{}, { code }]
  }

  /** Hands every message to `judge`, until told otherwise. */
  cutWhen(judge: Judge | undefined): void {
    this.#judge = judge
    this.#lastWords = undefined
  }

  /** Whoever connects from now on reaches another server; those who are connected stay where they are. */
  leadTo(targetUrl: string): void {
    this.#target = new URL(targetUrl)
  }

  /** Cuts whatever is connected. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /**
   * Lets one of the connections stand still for so many milliseconds, in the direction from client to server or back. `which`:
   * from 0 to 1. False if there is none.
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

  #decide(message: JudgedMessage): Verdict {
    const verdict = this.#judge?.(message) ?? this.#decideOnAnswer(message)
    if (verdict.startsWith('cut')) this.cuts++
    return verdict
  }

  #decideOnAnswer({ from, type, writes, executes, committed }: JudgedMessage): Verdict {
    // Some clients wait for a statement to be described before they run it: that much they are told.
    if (from === 'client' || !writes || !executes || this.#cutsToCome.length === 0) return 'pass'
    if (type !== 'Z') return 'withhold'
    if (!committed) return 'pass'
    this.#lastWords = this.#cutsToCome.shift()?.code
    return 'cut before'
  }
}

interface JudgedMessage extends WireMessage {
  /** Whether the request has come to run a statement. */
  readonly executes: boolean
  /** True of a ReadyForQuery after which nothing of the request can be undone. */
  readonly committed: boolean
}

class Request {
  /** It speaks of a statement that writes. */
  writes = false
  /** It runs what it speaks of, and does not only prepare it. */
  executes = false
  failed = false
}

/** One client's connection, with what has to be known of it to tell which message belongs to what. */
class Connection {
  readonly #client: Socket
  readonly #upstream: Socket
  readonly #decide: (message: JudgedMessage) => Verdict
  readonly #lastWords: () => string | undefined
  readonly #statements = new Map<string, string>()
  readonly #withheld: Buffer[] = []
  /** Requests that wait for their answer. The server's first greeting is the answer to having connected. */
  readonly #requests: Request[] = [new Request()]
  #building = new Request()
  #transactionWrote = false

  constructor(
    client: Socket,
    upstream: Socket,
    decide: (message: JudgedMessage) => Verdict,
    lastWords: () => string | undefined,
  ) {
    this.#client = client
    this.#upstream = upstream
    this.#decide = decide
    this.#lastWords = lastWords
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
    if (message.type === '' && [sslRequest, encryptionRequest].includes(message.bytes.readInt32BE(4))) {
      // Encrypted messages could not be told apart: refuse, and the client goes on in the open.
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

  /** The text of the statement that the message is about. */
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
      const code = this.#lastWords()
      if (code === undefined) this.#cut()
      else this.#client.end(fatalError(code), () => this.#cut())
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
