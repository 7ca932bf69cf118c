using Microsoft.Data.Sqlite;

namespace ThreeServers.Shop;

/// <summary>The one database that all instances share: a SQLite file.</summary>
public sealed class ProductDatabase(string connectionString)
{
    /// <summary>Creates it with a product in it.</summary>
    public async Task CreateAsync(Product product, CancellationToken cancelled)
    {
        await using var connection = await OpenAsync(cancelled);
        await using var create = connection.CreateCommand();
        create.CommandText = """
            CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price TEXT NOT NULL);
            INSERT INTO products VALUES ($id, $name, $price);
            """;
        create.Parameters.AddWithValue("$id", product.Id);
        create.Parameters.AddWithValue("$name", product.Name);
        create.Parameters.AddWithValue("$price", product.Price);
        await create.ExecuteNonQueryAsync(cancelled);
    }

    public async Task<Product?> FindAsync(int id, CancellationToken cancelled)
    {
        await using var connection = await OpenAsync(cancelled);
        await using var select = connection.CreateCommand();
        select.CommandText = "SELECT name, price FROM products WHERE id = $id";
        select.Parameters.AddWithValue("$id", id);
        await using var row = await select.ExecuteReaderAsync(cancelled);
        return await row.ReadAsync(cancelled) ? new Product(id, row.GetString(0), row.GetDecimal(1)) : null;
    }

    public async Task<bool> UpdateAsync(int id, ProductChange change, CancellationToken cancelled)
    {
        await using var connection = await OpenAsync(cancelled);
        await using var update = connection.CreateCommand();
        update.CommandText = "UPDATE products SET price = $price WHERE id = $id";
        update.Parameters.AddWithValue("$id", id);
        update.Parameters.AddWithValue("$price", change.Price);
        return await update.ExecuteNonQueryAsync(cancelled) == 1;
    }

    private async Task<SqliteConnection> OpenAsync(CancellationToken cancelled)
    {
        var connection = new SqliteConnection(connectionString);
        await connection.OpenAsync(cancelled);
        return connection;
    }
}
