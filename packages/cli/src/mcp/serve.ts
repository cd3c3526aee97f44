/** Serves the tools over standard input and output until the assistant closes them. */
import { once } from 'node:events'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import type { CommandContext } from '../context.ts'
import { version } from '../version.ts'
import { registerTools } from './tools.ts'

export async function serveMcp(context: CommandContext): Promise<void> {
  const server = new McpServer({ name: 'eventsourced', version })
  registerTools(server, context)
  const ended = once(process.stdin, 'close', { signal: context.signal })
  await server.connect(new StdioServerTransport())
  await ended.catch(() => {})
  await server.close()
}
