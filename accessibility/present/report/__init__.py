"""The report, its workbook and its pictures, from one set of facts."""
