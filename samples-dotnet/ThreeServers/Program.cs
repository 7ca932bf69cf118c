using System.Globalization;
using System.Runtime.InteropServices;
using ThreeServers.Experiment;
using ThreeServers.Shop;

CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;

// This program is both: the application, of which three processes run, and the experiment, which starts them.
if (args is ["shop", .. var settings])
{
    await ShopApplication.RunAsync(settings);
    return 0;
}

using var interrupted = new CancellationTokenSource();
using var onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
using var onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
try
{
    return await Comparison.RunAsync(Options.Parse(args), Console.Out, interrupted.Token);
}
catch (OperationCanceledException) when (interrupted.IsCancellationRequested)
{
    Console.Error.WriteLine("Interrupted; everything that was started is stopped.");
    return 130;
}
catch (Exception mistake) when (mistake is OptionsException or ServerProcessException)
{
    Console.Error.WriteLine(mistake.Message);
    return 2;
}

void Stop(PosixSignalContext signal)
{
    signal.Cancel = true;
    interrupted.Cancel();
}
