using System.Globalization;
using System.Runtime.InteropServices;
using Failover.Experiment;

CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;

using var interrupted = new CancellationTokenSource();
using var onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
try
{
    return await LeaderKill.RunAsync(Options.Parse(args), Console.Out, interrupted.Token);
}
catch (OperationCanceledException) when (interrupted.IsCancellationRequested)
{
    Console.Error.WriteLine("Interrupted; everything that was started is stopped.");
    return 130;
}
catch (Exception mistake) when (mistake is OptionsException or NodeProcessException)
{
    Console.Error.WriteLine(mistake.Message);
    return 2;
}

void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    interrupted.Cancel();
}
