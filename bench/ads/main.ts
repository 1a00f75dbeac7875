/** `npm run bench -- ads`: from the arguments to the report. */
import { adsUsage, readAdsOptions } from './options.js';
import { benchAds, formatAds } from './ads.js';

/** Runs it with the arguments behind `ads`; resolves to the exit status. */
export async function runAds(args: readonly string[], interrupted: AbortSignal): Promise<number> {
  if (args.includes('--help')) {
    process.stdout.write(adsUsage);
    return 0;
  }
  try {
    const options = await readAdsOptions(args);
    const report = await benchAds(options, interrupted);
    process.stdout.write(`${options.json ? JSON.stringify(report) : formatAds(report)}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}
