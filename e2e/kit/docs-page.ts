/** The YAML of pages of docs/tasks, so that what users copy is what suites run. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findCheckout } from '../../demo/rig/index.js';

/** The expectations of a page (docs/tasks/test-policies.md); empty where it has none. */
export async function pageExpectations(page: string): Promise<string> {
  return /^```yaml\n(expect:\n[^]*?)^```$/m.exec(await readPage(page))?.[1] ?? '';
}

function readPage(page: string): Promise<string> {
  return readFile(join(findCheckout().root, 'docs', 'tasks', `${page}.md`), 'utf8');
}

/** The blocks of a page that have a file name, `canary.yaml`, by that name. */
export async function pageYaml(page: string): Promise<ReadonlyMap<string, string>> {
  const text = await readPage(page);
  const blocks = text.matchAll(/^```yaml (\S+\.yaml)\n([^]*?)^```$/gm);
  return new Map([...blocks].map(([, name = '', yaml = '']) => [name, yaml]));
}
