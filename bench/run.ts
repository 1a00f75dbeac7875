/** Every bench by its options, and its report as text. */
import { benchBalance, formatBalance, type BalanceReport } from './balance/balance.js';
import type { BenchEnvironment } from './bench-mesh.js';
import { benchBudget, formatBudget, type BudgetReport } from './budget/budget.js';
import { benchCertificates, formatCertificates, type CertificatesReport } from './certificates.js';
import { benchSync, formatSync, type SyncReport } from './cluster/sync.js';
import { benchLoad } from './load/load.js';
import { formatLoad, type LoadReport } from './load/report.js';
import type { SuiteOptions } from './options.js';
import { benchPropagation, formatPropagation, type PropagationReport } from './propagation.js';
import { benchRequest, formatRequest, type RequestReport } from './request/request.js';
import { benchSidecar, formatSidecar, type SidecarReport } from './sidecar.js';
import { formatSoak } from './soak/report.js';
import { benchSoak, type SoakReport } from './soak/soak.js';

/** What a bench's `--json` prints. */
export type SuiteReport =
  | PropagationReport
  | SidecarReport
  | RequestReport
  | BalanceReport
  | SyncReport
  | LoadReport
  | CertificatesReport
  | SoakReport
  | BudgetReport;

/** Runs one; rejects, with everything taken down, when something does not work. */
export function runSuite(
  options: SuiteOptions,
  environment: BenchEnvironment,
): Promise<SuiteReport> {
  switch (options.bench) {
    case 'propagation':
      return benchPropagation(options, environment);
    case 'sidecar':
      return benchSidecar(options, environment);
    case 'request':
      return benchRequest(options, environment);
    case 'balance':
      return benchBalance(options, environment);
    case 'sync':
      return benchSync(options, environment);
    case 'load':
      return benchLoad(options, environment);
    case 'certificates':
      return benchCertificates(options, environment);
    case 'soak':
      return benchSoak(options, environment);
    case 'budget':
      return benchBudget(options, environment);
  }
}

/** The report as text. */
export function formatSuite(report: SuiteReport): string {
  switch (report.bench) {
    case 'propagation':
      return formatPropagation(report);
    case 'sidecar':
      return formatSidecar(report);
    case 'request':
      return formatRequest(report);
    case 'balance':
      return formatBalance(report);
    case 'sync':
      return formatSync(report);
    case 'load':
      return formatLoad(report);
    case 'certificates':
      return formatCertificates(report);
    case 'soak':
      return formatSoak(report);
    case 'budget':
      return formatBudget(report);
  }
}
