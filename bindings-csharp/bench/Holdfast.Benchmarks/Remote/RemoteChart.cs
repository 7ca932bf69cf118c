using OxyPlot;
using OxyPlot.Axes;
using OxyPlot.Legends;
using OxyPlot.Series;

namespace Holdfast.Benchmarks.Remote;

/// <summary>Throughput and processor time of both contestants as bars, side by side.</summary>
internal static class RemoteChart
{
    private const string CallsKey = "calls";
    private const string ThroughputKey = "throughput";
    private const string CpuKey = "cpu";

    internal static string Svg(IReadOnlyList<RowResult> results)
    {
        RowResult[] rows = [.. results.Where(static row => row.Row.ValueLength == RemoteRow.SmallValue && !row.Row.IsBesideBigValues)];
        var model = new PlotModel
        {
            DefaultFont = "Helvetica, Arial, sans-serif",
            Background = OxyColors.White,
            PlotAreaBorderColor = OxyColors.Transparent,
            Title = "One client, values of 100 B: Holdfast beside redis-server through StackExchange.Redis",
            TitleFontSize = 15,
            Padding = new OxyThickness(12),
            // Its measure of texts is a guess: names of calls, and the scales below, get room of their own.
            PlotMargins = new OxyThickness(205, double.NaN, 30, 56),
        };
        model.Legends.Add(new Legend
        {
            LegendPlacement = LegendPlacement.Outside,
            LegendPosition = LegendPosition.TopRight,
            LegendOrientation = LegendOrientation.Horizontal,
        });
        var calls = new CategoryAxis
        {
            Key = CallsKey,
            Position = AxisPosition.Left,
            // The first row on top.
            StartPosition = 1,
            EndPosition = 0,
            TickStyle = TickStyle.None,
            GapWidth = 0.5,
        };
        calls.Labels.AddRange(rows.Select(static row => row.Row.Label));
        model.Axes.Add(calls);
        model.Axes.Add(ValueAxis(ThroughputKey, "calls in a second, thousands: more is better", 0, 0.47));
        model.Axes.Add(ValueAxis(CpuKey, "processor time for a call, µs: less is better", 0.53, 1));

        Add("Holdfast", OxyColor.FromRgb(0x1f, 0x6f, 0xb4), static row => row.Holdfast);
        Add("Redis", OxyColor.FromRgb(0xd9, 0x8c, 0x3f), static row => row.Redis);
        return new SvgExporter { Width = 960, Height = 120 + (52 * rows.Length), UseVerticalTextAlignmentWorkaround = true }
            .ExportToString(model);

        void Add(string name, OxyColor color, Func<RowResult, SideResult> side)
        {
            AddBars(name, ThroughputKey, "{0:0}", row => side(row).Median(static turn => turn.PerSecond) / 1_000);
            // Named once: the legend would have it twice.
            AddBars(null, CpuKey, "{0:0.0}", row => side(row).Median(static turn => turn.Cpu));

            void AddBars(string? title, string axis, string label, Func<RowResult, double> figure)
            {
                var bars = new BarSeries
                {
                    Title = title,
                    FillColor = color,
                    XAxisKey = axis,
                    YAxisKey = CallsKey,
                    LabelFormatString = label,
                    LabelPlacement = LabelPlacement.Outside,
                    LabelMargin = 4,
                };
                bars.Items.AddRange(rows.Select(row => new BarItem(figure(row))));
                model.Series.Add(bars);
            }
        }
    }

    private static LinearAxis ValueAxis(string key, string title, double start, double end) => new()
    {
        Key = key,
        Title = title,
        Position = AxisPosition.Bottom,
        StartPosition = start,
        EndPosition = end,
        Minimum = 0,
        // Room for the label of the longest bar.
        MaximumPadding = 0.15,
        AbsoluteMinimum = 0,
        MajorGridlineStyle = LineStyle.Solid,
        MajorGridlineColor = OxyColor.FromRgb(0xe4, 0xe4, 0xe4),
        TickStyle = TickStyle.None,
        AxisTitleDistance = 12,
    };
}
